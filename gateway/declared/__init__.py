"""What people write in files: read with its marks, checked by models, and every wrong thing said so that its author can put it right."""
