"""What a trial is: its parameters, data, network, initial values and key."""
