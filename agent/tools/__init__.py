"""What the agent may read with: declared GET and HEAD requests, nothing else."""
