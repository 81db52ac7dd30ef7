"""What each verb prints and asks."""
