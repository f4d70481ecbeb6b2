# Draws the curves as SVG. Run by bench/figures.sh, which writes FOLDER/CURVE.tsv: blocks of x and y, a name above each.
# usage: gnuplot -c plots.gp FOLDER OUTPUT
# The same figures give the same files: the terminal writes no time, and its ids begin with a name of ours.
table(curve) = sprintf("%s/%s.tsv", ARG1, curve)
lines(curve) = int(system(sprintf("grep -c '^\"' '%s'", table(curve))))
draw = "set output sprintf('%s/%s.svg', ARG2, curve); \
  plot for [i = 0:lines(curve) - 1] table(curve) index i using 1:2 title columnheader(1)"

set terminal svg size 640,400 fixed font "sans-serif,13" background rgb "white" name "scm"
set grid
set logscale x 2
set style data linespoints
set pointsize 0.5

curve = "batch"
set key bottom left
set xlabel "messages for each system call"
set ylabel "cost of a message, plain C = 1"
set yrange [0:*]
@draw

curve = "records"
set xlabel "records for each message of the kernel"
set ylabel "cost of a record, plain C = 1"
set logscale y 10
set yrange [*:*]
@draw

curve = "payload"
set key top left
set xlabel "bytes of a message"
set ylabel "ns for each message"
unset logscale y
set yrange [0:*]
@draw

curve = "in-flight"
set key bottom left
set xlabel "descriptors in flight"
set ylabel "ns for each descriptor"
@draw
