"""What git runs: hooks of a clone before it commits and pushes, and the hook of a bare repository before it takes."""
