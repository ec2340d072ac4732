# Prints the `target: ## what it does` and `#: VARIABLE meaning` lines of the Makefile.
/^[a-z%-]+:.*## / { name = $1; sub(/:.*/, "", name); sub(/%/, "IMAGE", name); text = $0; sub(/^.*## /, "", text); targets = targets sprintf("  make %-12s %s\n", name, text) }
/^#: / { variables = variables "  " substr($0, 4) "\n" }
END {
    printf "usage: make TARGET [VARIABLE=value ...]\n\ntargets\n%s\nvariables\n%s\n", targets, variables
    print "example: make demo SET=\"train.epochs=3 data.bands=rgb\""
    print "A failing stage's exit code N is in make's last line, `Error N`; make itself then exits with 2, whatever N was."
    print "N: 1 a bug, 2 wrong usage or config, 3 bad input data, 4 a tool that is not there, 5 a gate that did not hold, 130 interrupted."
}
