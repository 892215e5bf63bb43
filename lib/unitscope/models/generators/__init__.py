"""Generators: networks (and a renderer) that draw pictures from latents, behind one contract; made by
`load_generator`.
"""
