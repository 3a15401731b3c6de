"""The Explorer: pages on which one sees why two texts are alike."""
