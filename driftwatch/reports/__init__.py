"""Figures and a self-contained HTML page, made of a report's counts. No rows, no scripts, nothing loaded."""
