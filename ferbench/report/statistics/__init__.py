"""Statistics: metrics, intervals over people, paired tests, and ranks over corpora, from the answers of rows."""
