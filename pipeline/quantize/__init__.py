"""From Keras weights to four TF Lite variants, each verified on its file, and the analysis of what quantization lost."""
