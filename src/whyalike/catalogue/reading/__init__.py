"""From a file or a data set to items, row by row: nothing is held but the ids seen so far."""
