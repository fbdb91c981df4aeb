// Command parsing reads one document in hex a line and writes what encoding/json makes of it, in the canonical form of ../canonical.py;
// with the argument "folds", every pair of characters that encoding/json takes for the same letter of a key.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strings"
	"unicode"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	if len(os.Args) > 1 && os.Args[1] == "folds" {
		folds(out)
		return
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 8<<20)
	for in.Scan() {
		document, err := hex.DecodeString(in.Text())
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(out, parsed(document))
	}
}

func parsed(document []byte) string {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(document))
	if err := decoder.Decode(&value); err != nil {
		return "!"
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "!"
	}
	return canonical(value)
}

func canonical(value any) string {
	switch value := value.(type) {
	case nil:
		return "n"
	case bool:
		return map[bool]string{true: "t", false: "f"}[value]
	case float64:
		return "#" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, math.Float64bits(value)))
	case string:
		return "'" + hex.EncodeToString([]byte(value))
	case []any:
		items := make([]string, len(value))
		for place, item := range value {
			items[place] = canonical(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	case map[string]any:
		items := make([]string, 0, len(value))
		for key, item := range value {
			items = append(items, hex.EncodeToString([]byte(key))+":"+canonical(item))
		}
		sort.Strings(items)
		return "{" + strings.Join(items, ",") + "}"
	}
	panic(fmt.Sprintf("%T", value))
}

func folds(out io.Writer) {
	for letter := rune(0); letter <= unicode.MaxRune; letter++ {
		for other := unicode.SimpleFold(letter); other > letter; other = unicode.SimpleFold(other) {
			fmt.Fprintf(out, "%x %x\n", letter, other)
		}
	}
}
