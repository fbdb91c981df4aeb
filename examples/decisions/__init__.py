"""Three steps an agent may decide, and a script that sees how well a real model is kept inside its limits."""
