# gnuplot loss.gp: loss.tsv -> loss.svg
set terminal svg size 720,400 font "sans-serif,13" background "white"
set output "loss.svg"
set datafile separator "\t"
set key top right
set grid lc rgb "#dddddd"
set xlabel "step (4096 tokens each)"
set ylabel "loss, nats per token"
plot "loss.tsv" using 1:3 with lines lw 2 lc rgb "#1f77b4" title "training (with dropout)", \
     "loss.tsv" using 1:4 with linespoints lw 2 pt 7 ps 0.4 lc rgb "#d62728" title "validation"
