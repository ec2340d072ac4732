"""What makes the pipeline about something: dataset, head, loss and score."""
