"""Detectors: loads queries/, checks headers against SQL, runs them, keeps findings over runs."""
