package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
)

func newLogCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "log COMMAND",
		Short:   "look into files of hermes record, check, repair, cut and convert them",
		GroupID: groupMessages,
	}
	c.AddCommand(newLogInfo(std), newLogVerify(std), newLogRecover(std), newLogCut(std), newLogExport(std))
	return c
}

const recordFirst = "hermes record --count 10 --output a.mcap tcp://127.0.0.1:6001\n"

// logInfo is what log info prints of a file.
type logInfo struct {
	File      string           `json:"file"`
	Whole     bool             `json:"whole"` // it was finished
	Bytes     int64            `json:"bytes"`
	Envelopes uint64           `json:"envelopes"`
	Lost      uint64           `json:"lost"` // as the loss records tell
	Begin     string           `json:"begin,omitempty"`
	End       string           `json:"end,omitempty"`
	Seconds   float64          `json:"seconds"`
	Topics    []recording.Size `json:"topics"`
}

func newLogInfo(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "info [flags] FILE...",
		Short:   "say what is in files: topics, origins, numbers, times",
		Example: recordFirst + "hermes log info a.mcap",
	}
	p := addPrinter(c, std)
	c.RunE = func(_ *cobra.Command, args []string) error {
		files, end, err := someFiles(std, args)
		if err != nil {
			return err
		}
		defer end()
		for _, f := range files {
			info := infoOf(f)
			if !p.asTable() {
				if err := p.line(info); err != nil {
					return err
				}
				continue
			}
			if err := p.print(info.table()); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// someFiles opens the files of a command that takes at least one.
func someFiles(std streams, args []string) ([]*mcap.File, func(), error) {
	if len(args) == 0 {
		return nil, nil, usageError{"takes at least one file"}
	}
	return openFiles(std, args)
}

func infoOf(f *mcap.File) logInfo {
	s := recording.Summarize(f)
	info := logInfo{File: f.Name, Whole: f.Broken == nil, Bytes: f.Size, Envelopes: s.Envelopes, Lost: s.Lost, Topics: s.Sizes}
	if f.Statistics.Messages > 0 {
		begin, end := time.Unix(0, int64(f.Statistics.Start)).UTC(), time.Unix(0, int64(f.Statistics.End)).UTC()
		info.Begin, info.End, info.Seconds = begin.Format(time.RFC3339Nano), end.Format(time.RFC3339Nano), end.Sub(begin).Seconds()
	}
	return info
}

func (i logInfo) table() table {
	t := table{rows: []row{
		{cells: []string{"file", i.File}},
		{cells: []string{"envelopes", strconv.FormatUint(i.Envelopes, 10)}},
		{cells: []string{"lost", strconv.FormatUint(i.Lost, 10)}, loud: i.Lost > 0},
		{cells: []string{"from", i.Begin}},
		{cells: []string{"to", i.End}},
		{cells: []string{"bytes", strconv.FormatInt(i.Bytes, 10)}},
	}}
	for _, s := range i.Topics {
		t.rows = append(t.rows, row{cells: []string{s.Topic, strconv.FormatUint(s.Envelopes, 10) + " from " + s.Origin}})
	}
	return t
}

func newLogVerify(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify [flags] FILE...",
		Short: "check files, and whether numbers, loss records and the counters of the receiver agree",
		Long: `hermes log verify reads everything in the files and compares: checksums and indexes; the numbers of the
envelopes with the loss records that the recorder wrote; both with the books at the end of each file; and over all
files of a recording, if they are given in their order, with what the receiver had counted.

The exit code is 1 if anything does not agree, and 5 if a file was not finished or was recovered.`,
		Example: recordFirst + "hermes log verify a.mcap",
	}
	p := addPrinter(c, std)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{"takes at least one file"}
		}
		bar := newProgress(std, "checking", 2*sizeOf(args))
		all, err := recording.Verify(args, bar.add)
		bar.end()
		if err != nil {
			return err
		}
		t := table{columns: []string{"FILE", "", "ENVELOPES", "LOST", "DUPLICATES", "PROBLEM"}}
		bad, unfinished := 0, 0
		for _, v := range all {
			word := map[bool]string{true: "ok", false: "BAD"}[v.OK]
			t.rows = append(t.rows, row{value: v, loud: !v.OK, cells: []string{v.File, word, strconv.FormatUint(v.Envelopes, 10),
				strconv.FormatUint(v.Lost, 10), strconv.FormatUint(v.Duplicates, 10), strings.Join(v.Problems, "; ")}})
			switch {
			case !v.Complete:
				unfinished++
			case !v.OK:
				bad++
			}
		}
		if err := p.print(t); err != nil {
			return err
		}
		switch {
		case bad > 0:
			return fmt.Errorf("%d of %d files are not as they should be", bad, len(all))
		case unfinished > 0:
			return incomplete("%d of %d files were not finished; hermes log recover makes whole files of them", unfinished, len(all))
		}
		return nil
	}
	return c
}

// sizeOf is the size of files.
func sizeOf(names []string) (size int64) {
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	return size
}

func newLogRecover(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "recover [flags] FILE",
		Short: "make a whole file of one that was not finished, or is damaged",
		Long: `hermes log recover copies what is whole of a file, and gives it a summary. The file itself stays as it is. Without
--output the result has the name of the file without .part. It also reads a file that is still being written.`,
		Example: recordFirst + "head -c -100 a.mcap > b.mcap.part\nhermes log recover b.mcap.part",
	}
	p := addPrinter(c, std)
	output := c.Flags().StringP("output", "o", "", "the `file` to write")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{"takes one file"}
		}
		bar := newProgress(std, "recovering", sizeOf(args))
		name, got, err := recording.Recover(args[0], *output, bar.add)
		bar.end()
		if err != nil {
			return err
		}
		if got.Why != nil {
			fmt.Fprintf(std.err, "hermes log recover: %v; %d damaged chunks were left out\n", got.Why, got.Bad)
		}
		return p.print(table{rows: []row{{cells: []string{name, envelopes(got.Messages)},
			value: map[string]any{"file": name, "messages": got.Messages, "damaged_chunks": got.Bad, "bytes_read": got.Read}}}})
	}
	return c
}

func newLogCut(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "cut [flags] --output FILE FILE...",
		Short:   "write a part of files to another one",
		Example: recordFirst + "hermes log cut --from 10ms --topics ticks/ --output part.mcap a.mcap",
	}
	p := addPrinter(c, std)
	chosen := addChosen(c, "take")
	output := c.Flags().StringP("output", "o", "", "the `file` to write")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if *output == "" {
			return usageError{"needs --output FILE"}
		}
		files, end, err := someFiles(std, args)
		if err != nil {
			return err
		}
		defer end()
		filter, err := chosen.filter(files)
		if err != nil {
			return err
		}
		line := timelineOf(files, &filter)
		bar := newProgress(std, "cutting", line.total())
		n, err := recording.Cut(files, filter, *output, chunkBytes, func(logTime uint64) { bar.set(line.at(logTime)) })
		bar.end()
		if err != nil {
			return err
		}
		return p.print(table{rows: []row{{cells: []string{*output, envelopes(n)}, value: map[string]any{"file": *output, "envelopes": n}}}})
	}
	return c
}

func newLogExport(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "export [flags] FILE...",
		Short: "print envelopes of files as JSON lines or as CSV",
		Long: `hermes log export prints envelopes as hermes sub does, one JSON object a line, with the time of arrival as
"received"; hermes pub publishes such lines again. As CSV the columns are received, ts, topic, origin, lost and
data, or in place of data the fields of --fields.`,
		Example: recordFirst + "hermes log export --topics ticks/ a.mcap\nhermes log export --format csv --fields price a.mcap",
	}
	chosen := addChosen(c, "print")
	format := c.Flags().String("format", "json", "json or csv")
	asJSON := c.Flags().Bool("json", false, "the same as --format json")
	fields := c.Flags().StringSlice("fields", nil, "the members of data that are columns of CSV, as `a.b`; separated by commas")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *format != "json" && *format != "csv" {
			return usageError{fmt.Sprintf("--format is json or csv, and not %q", *format)}
		}
		if *asJSON && *format != "json" {
			return usageError{"--json and --format csv exclude each other; drop one of them"}
		}
		if *format == "json" && len(*fields) > 0 {
			return usageError{"--fields are columns of CSV: give --format csv as well"}
		}
		files, end, err := someFiles(std, args)
		if err != nil {
			return err
		}
		defer end()
		filter, err := chosen.filter(files)
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(std.out, 64<<10)
		write := jsonLines(out)
		if *format == "csv" {
			write = csvLines(out, *fields)
		}
		line := timelineOf(files, &filter)
		bar := newProgress(besideOutput(std), "exporting", line.total())
		defer bar.end()
		return export(c.Context(), out, files, filter, func(e *recording.Envelope) error {
			bar.set(line.at(e.LogTime))
			return write(e)
		})
	}
	return c
}

func export(ctx context.Context, out *bufio.Writer, files []*mcap.File, filter recording.Filter, write func(*recording.Envelope) error) error {
	for e, err := range recording.Envelopes(files, filter) {
		if err == nil && ctx.Err() == nil {
			err = write(&e)
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return out.Flush()
}

// jsonLines writes envelopes as sub does.
func jsonLines(out io.Writer) func(*recording.Envelope) error {
	return func(e *recording.Envelope) error {
		text := fmt.Appendf(nil, `{"topic":%s,"origin":%s,"data":%s,"ts":%s,"received":%s`, quote([]byte(e.Topic)), quote([]byte(e.Origin)),
			oneLine(e.Data), unixText(e.PublishTime), unixText(e.LogTime))
		if e.Lost > 0 {
			text = fmt.Appendf(text, `,"lost":%d`, e.Lost)
		}
		_, err := out.Write(append(text, "}\n"...))
		return err
	}
}

// unixText is a time in seconds since 1970.
func unixText(nanoseconds uint64) string {
	return fmt.Sprintf("%d.%06d", nanoseconds/1e9, nanoseconds/1e3%1e6)
}

// csvLines writes envelopes as CSV, with a line of headings in front.
func csvLines(out io.Writer, fields []string) func(*recording.Envelope) error {
	w := csv.NewWriter(out)
	columns := []string{"received", "ts", "topic", "origin", "lost"}
	if len(fields) == 0 {
		columns = append(columns, "data")
	}
	first := true
	return func(e *recording.Envelope) error {
		if first {
			_ = w.Write(append(columns, fields...)) // an error stays with w
			first = false
		}
		line := []string{unixText(e.LogTime), unixText(e.PublishTime), e.Topic, e.Origin, strconv.Itoa(int(e.Lost))}
		if len(fields) == 0 {
			line = append(line, oneLine(e.Data))
		}
		for _, f := range fields {
			line = append(line, cellOf(e.Data, f))
		}
		_ = w.Write(line)
		w.Flush()
		return w.Error()
	}
}

// cellOf is a member of data for CSV: text as it is, anything else as JSON, "" where there is none.
func cellOf(data []byte, path string) string {
	rest := json.RawMessage(withoutNaN(data))
	for _, name := range strings.Split(path, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(rest, &object) != nil {
			return ""
		}
		rest = object[name]
	}
	var text string
	if json.Unmarshal(rest, &text) == nil {
		return text
	}
	return string(rest)
}
