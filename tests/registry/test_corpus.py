"""Being written (interop and corpus builder)."""
