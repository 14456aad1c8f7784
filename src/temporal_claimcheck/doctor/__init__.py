"""What `claimcheck doctor` looks at: each check for itself, each finding with its remedy."""
