"""What every fit needs, whatever the method."""
