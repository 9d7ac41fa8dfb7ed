"""Files: a shop's history read in from CSV, Parquet and JSON Lines, and everything given back."""
