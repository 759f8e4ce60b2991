SRC_ratchet += \
    ratchet/report/page_assets.S \
    ratchet/report/report_attempt.c \
    ratchet/report/report_cumulative.c \
    ratchet/report/report_data.c \
    ratchet/report/report_page.c \
    ratchet/report/report_serve.c \
    ratchet/report/report_views.c
MAIN_ratchet += \
    ratchet/report/cmd_report.c \
    ratchet/report/cmd_watch.c \
    ratchet/report/watch_lines.c \
    ratchet/report/watch_screen.c

# What the page is made of; d3 is fetched once for all flags.
build/plot/plot.js: ratchet/report/page/fetch_plot.sh
	@echo "  NPM   d3"
	$(Q)sh $< $(@D)
$(B)/ratchet/report/page_assets.o: build/plot/plot.js $(wildcard ratchet/report/page/*)
