"""`make prove`: what each guarantee rests on, run, and told as one table."""
