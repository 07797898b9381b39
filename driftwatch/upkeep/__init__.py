"""What is done to a data folder from outside the service: looked at, repaired, copied and brought back."""
