"""What a store weighs once it is large, what a write costs in it, and what keeping it small costs."""
