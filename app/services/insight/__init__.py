"""What is read out of documents beside their passages."""
