/* The screen of the demo: table ADDRESS REPORT_FD.
 *
 * Subscribes to everything that passes the post office, draws what the node derives as a
 * live table, and checks meanwhile that nothing is missing. Ends when the last reading,
 * raw and derived, has arrived; then writes its counts as JSON to REPORT_FD.
 */
#define _DEFAULT_SOURCE
#include <hermes.h>

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 16, HISTORY = 34, BATCH = 512 };
enum { LINES_AROUND = 10, COLUMNS = 79 }; /* of the table: besides its rows; its width */
static const double FRAME = 0.25;         /* seconds between two pictures */
static const double SUMMARY = 3.0;        /* the same where there is no terminal */
static const double PATIENCE = 15.;       /* seconds of silence that mean a part has died */

static volatile sig_atomic_t interrupted;
static void on_signal(int number) {
    interrupted = number;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what) {
    char text[512];
    hermes_last_error(text, sizeof text);
    fprintf(stderr, "table: %s: %s\n", what, text);
    exit(1);
}

/* ---- Latency: a histogram with bins that grow by two per cent ------------ */

enum { BINS = 1024 };
struct latency {
    unsigned long count, bin[BINS];
};

static void latency_add(struct latency *l, double seconds) {
    double us = seconds * 1e6;
    int bin = us > 1 ? (int)(log(us) / log(1.02)) : 0;
    l->bin[bin < BINS ? bin : BINS - 1]++;
    l->count++;
}

/* The milliseconds that a share of all envelopes did not exceed. */
static double latency_at(const struct latency *l, double share) {
    unsigned long seen = 0;
    for (int i = 0; i < BINS; i++) {
        seen += l->bin[i];
        if (seen > share * (double)l->count) return pow(1.02, i + 1) * 1e-3;
    }
    return 0;
}

/* ---- What has arrived ---------------------------------------------------- */

struct row {
    char name[24], unit[8];
    double value, average, full; /* full: what a full bar means; 0 for the highest so far */
    double history[HISTORY];     /* one value a picture, oldest first */
};

static struct row rows[ROWS];
static int row_count;
static unsigned long raw, derived, lost;
static int ends;                        /* of the two streams, raw and derived */
static struct latency one_hop, two_hop; /* through the post office once, and twice */

static struct row *row_of(const char *name) {
    for (int i = 0; i < row_count; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    if (row_count == ROWS) return NULL;
    struct row *r = &rows[row_count++];
    snprintf(r->name, sizeof r->name, "%s", name);
    return r;
}

/* Read one element of a flat JSON array whose texts have no escapes; return where the
 * next begins, or NULL where it is not what was asked for. */
static const char *read_number(const char *at, double *number) {
    char *end;
    if (at == NULL) return NULL;
    *number = strtod(at, &end);
    return end == at ? NULL : end + strspn(end, " ,]");
}

static const char *read_text(const char *at, char *text, size_t size) {
    if (at == NULL || *at++ != '"') return NULL;
    size_t length = strcspn(at, "\"");
    snprintf(text, size, "%.*s", (int)length, at);
    return at + length + 1 + strspn(at + length + 1, " ,]");
}

/* A Derived travels as ["Derived", ts, name, value, average, unit, full]. */
static void take_derived(const hermes_envelope *e) {
    char dtype[16], name[24], unit[8];
    double ts = 0, value = 0, average = 0, full = 0;
    const char *data = hermes_envelope_data(e, NULL), *at = data + 1;
    at = read_text(at, dtype, sizeof dtype);
    at = read_number(at, &ts);
    at = read_text(at, name, sizeof name);
    at = read_number(at, &value);
    at = read_number(at, &average);
    at = read_text(at, unit, sizeof unit);
    at = read_number(at, &full);
    if (at == NULL) {
        fprintf(stderr, "table: cannot read %s\n", data);
        exit(1);
    }
    latency_add(&two_hop, hermes_envelope_received(e) - ts);
    struct row *r = row_of(name);
    if (r == NULL) return;
    snprintf(r->unit, sizeof r->unit, "%s", unit);
    r->value = value;
    r->average = average;
    r->full = full;
}

static void take(const hermes_envelope *e) {
    const char *topic = hermes_envelope_topic(e, NULL);
    lost += hermes_envelope_lost(e);
    latency_add(&one_hop, hermes_envelope_received(e) - hermes_envelope_ts(e));
    int is_raw = strncmp(topic, "raw/", 4) == 0;
    if (is_raw)
        raw++;
    else
        derived++;
    if (strcmp(topic, "raw/end") == 0 || strncmp(topic, "live/end/", 9) == 0)
        ends++;
    else if (!is_raw)
        take_derived(e);
}

/* ---- The picture --------------------------------------------------------- */

static int live, utf8, colour; /* what the terminal can do */

static const char *RAMP_UTF8[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *RAMP_ASCII[] = {" ", ".", ".", ":", ":", "=", "+", "*", "#"};
static const int RAMP_COLOUR[] = {23, 30, 36, 42, 78, 114, 150, 186, 215};

static const char *bold(void) {
    return colour ? "\x1b[1m" : "";
}
static const char *dim(void) {
    return colour ? "\x1b[2m" : "";
}
static const char *good(void) {
    return colour ? "\x1b[1;32m" : "";
}
static const char *bad(void) {
    return colour ? "\x1b[1;31m" : "";
}
static const char *plain(void) {
    return colour ? "\x1b[0m" : "";
}
static const char *eol(void) {
    return live ? "\x1b[K\n" : "\n";
}

/* The value in at most twelve columns: 1.3 GB/s, 42.0 %, 1830. */
static const char *human(char out[32], double value, const char *unit) {
    static const char *prefix[] = {"", "k", "M", "G", "T", "P"};
    int i = 0;
    if (strcmp(unit, "%") != 0)
        for (; fabs(value) >= 1000 && i < 5; i++) value /= 1000;
    snprintf(out, 32, "%.*f %s%s", fabs(value) < 100 ? 1 : 0, value, prefix[i], unit);
    return out;
}

static void remember(void) {
    for (int i = 0; i < row_count; i++) {
        memmove(rows[i].history, rows[i].history + 1, sizeof rows[i].history - sizeof(double));
        rows[i].history[HISTORY - 1] = rows[i].value;
    }
}

static void draw_history(const struct row *r) {
    double top = r->full;
    for (int i = 0; i < HISTORY; i++)
        if (r->full <= 0 || r->history[i] > top) top = fmax(top, r->history[i]);
    for (int i = 0; i < HISTORY; i++) {
        int step = top > 0 ? (int)lround(r->history[i] / top * 8) : 0;
        step = step > 8 ? 8 : step;
        if (step < 1) step = r->history[i] > 0; /* little is not nothing */
        if (colour) printf("\x1b[38;5;%dm", RAMP_COLOUR[step]);
        fputs((utf8 ? RAMP_UTF8 : RAMP_ASCII)[step], stdout);
    }
    fputs(plain(), stdout);
}

static void draw_latency(const char *label, const struct latency *l) {
    printf("  %s%-22s%s p50 %s%7.2f%s ms    p99 %s%7.2f%s ms%s", dim(), label, plain(), bold(),
           latency_at(l, .5), plain(), bold(), latency_at(l, .99), plain(), eol());
}

/* Envelopes a second since the last picture. */
struct rates {
    double raw, derived;
};

/* The processes and their connections. */
static void draw_map(struct rates r) {
    const char *line = utf8 ? "──" : "--", *arrow = utf8 ? "─▶" : "->", *both = utf8 ? "⇅" : "|";
    printf("%s  %sreadings%s %s%s %4.0f/s %s%s %spost office%s %s%s %4.0f/s %s%s %sthis table%s%s",
           eol(), bold(), plain(), dim(), line, r.raw, arrow, plain(), bold(), plain(), dim(), line,
           r.raw + r.derived, arrow, plain(), bold(), plain(), eol());
    printf("%30s%s%s %.0f/s%s%s", "", dim(), both, r.derived, plain(), eol());
    printf("%28s%sderive%s%16s%sfour processes, hermes %s%s%s", "", bold(), plain(), "", dim(),
           hermes_version_string(), plain(), eol());
}

/* Draws the table; returns how many lines it took. */
static int draw_table(double elapsed, struct rates rates) {
    char value[32], average[32];
    draw_map(rates);
    printf("%s  %s%-12s%14s   %-*s%14s%s%s", eol(), dim(), "reading", "now", HISTORY,
           "the last seconds", "average", plain(), eol());
    for (int i = 0; i < row_count; i++) {
        const struct row *r = &rows[i];
        printf("  %-12s%s%14s%s   ", r->name, bold(), human(value, r->value, r->unit), plain());
        draw_history(r);
        printf("%14s%s", human(average, r->average, r->unit), eol());
    }
    printf("%s  %s%-22s%s %s%lu%s raw and %s%lu%s derived in %.1f s, %s%lu lost%s%s", eol(), dim(),
           "envelopes", plain(), bold(), raw, plain(), bold(), derived, plain(), elapsed,
           lost ? bad() : good(), lost, plain(), eol());
    draw_latency("through a post office", &one_hop);
    draw_latency("and through the node", &two_hop);
    fflush(stdout);
    return row_count + LINES_AROUND;
}

static void draw_summary(double elapsed) {
    char value[32];
    printf("%5.1f s", elapsed);
    for (int i = 0; i < row_count && i < 4; i++)
        printf("  %s %s", rows[i].name, human(value, rows[i].value, rows[i].unit));
    printf("  %lu envelopes, %lu lost\n", raw + derived, lost);
    fflush(stdout);
}

/* Shows the newest state; in a terminal on top of the last picture. */
static void show(double elapsed, struct rates rates) {
    static int lines;
    struct winsize size;
    int fits = live && ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col >= COLUMNS &&
               size.ws_row > row_count + LINES_AROUND;
    remember();
    if (fits) {
        if (lines > 0) printf("\x1b[%dA\r", lines);
        lines = draw_table(elapsed, rates);
    } else {
        draw_summary(elapsed);
    }
}

static void look_at_terminal(void) {
    const char *term = getenv("TERM");
    setlocale(LC_CTYPE, ""); /* only this: numbers keep their decimal point */
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    live = isatty(1) && term != NULL && strcmp(term, "dumb") != 0;
    colour = live && getenv("NO_COLOR") == NULL;
}

/* ---- The loop ------------------------------------------------------------ */

static void run(uint64_t receiver) {
    double begun = now(), heard = begun, drawn = begun;
    unsigned long drawn_raw = 0, drawn_derived = 0;
    while (ends < 2 && !interrupted) {
        hermes_batch *batch;
        int code = hermes_recv_batch(receiver, BATCH, 50, &batch);
        if (code != HERMES_OK && code != HERMES_ETIMEOUT) die("hermes_recv_batch");
        for (size_t i = 0; i < hermes_batch_size(batch); i++) take(hermes_batch_at(batch, i));
        hermes_batch_free(batch);

        double t = now();
        if (code == HERMES_OK) heard = t;
        if (t - heard > PATIENCE) {
            fprintf(stderr, "table: nothing has arrived for %.0f seconds\n", PATIENCE);
            exit(1);
        }
        if (row_count > 0 && (t - drawn >= (live ? FRAME : SUMMARY) || ends == 2)) {
            double since = t - drawn;
            show(t - begun, (struct rates){(double)(raw - drawn_raw) / since,
                                           (double)(derived - drawn_derived) / since});
            drawn = t;
            drawn_raw = raw;
            drawn_derived = derived;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: table ADDRESS REPORT_FD\n");
        return 2;
    }
    FILE *report = fdopen(atoi(argv[2]), "w");
    if (report == NULL) {
        perror("table: REPORT_FD");
        return 2;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    look_at_terminal();

    uint64_t receiver;
    if (hermes_receiver_new(argv[1], "table", &receiver)) die("hermes_receiver_new");
    /* A busy machine is no reason to give up. */
    if (hermes_set(receiver, "timeout", "10s")) die("hermes_set");
    if (hermes_start(receiver)) die("hermes_start");
    if (hermes_wait_ready(receiver, 10000)) die("hermes_wait_ready");
    fprintf(report, "ready\n");
    fflush(report);

    if (live) fputs("\x1b[?25l", stdout); /* no cursor meanwhile */
    run(receiver);
    if (live) fputs("\x1b[?25h", stdout);
    hermes_close(receiver);

    fprintf(report,
            "{\"raw\": %lu, \"derived\": %lu, \"lost\": %lu,"
            " \"one_hop_ms\": [%.3f, %.3f], \"two_hop_ms\": [%.3f, %.3f]}\n",
            raw, derived, lost, latency_at(&one_hop, .5), latency_at(&one_hop, .99),
            latency_at(&two_hop, .5), latency_at(&two_hop, .99));
    fclose(report);
    return interrupted ? 1 : 0;
}
