def draw(o): return ""
