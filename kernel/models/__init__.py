"""What the engine learns: the feature frame, and the framework that trains, judges and uses models."""
