"""What our daemon is compared with: small honest programs that do the same work, each as its kind is written."""
