// The peer google/nftables: main WORK NUMBER. Prints one line of JSON.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	perMessage = 4095
	perPass    = 100
)

type report struct {
	Wall        uint64  `json:"wall"`
	User        uint64  `json:"user"`
	Peak        uint64  `json:"peak"`
	Allocations *uint64 `json:"allocations"`
	Done        uint64  `json:"done"`
	P50         *uint64 `json:"p50"`
	P99         *uint64 `json:"p99"`
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type watch struct {
	start       time.Time
	user        uint64
	allocations uint64
}

func usage() syscall.Rusage {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage
}

// peak is the most memory that was resident, in kB.
func peak() (kb uint64) {
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			_, err := fmt.Sscanf(line, "VmHWM: %d", &kb)
			check(err)
		}
	}
	return kb
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

func start() watch {
	of := usage()
	return watch{user: uint64(of.Utime.Nano()), allocations: mallocs(), start: time.Now()}
}

func (w watch) stop(done uint64) report {
	wall := time.Since(w.start)
	of, allocations := usage(), mallocs()-w.allocations
	return report{
		Wall: uint64(wall.Nanoseconds()), User: uint64(of.Utime.Nano()) - w.user, Peak: peak(),
		Allocations: &allocations, Done: done,
	}
}

func (r report) print() {
	line, err := json.Marshal(r)
	check(err)
	fmt.Println(string(line))
}

// open makes a kept connection whose buffers hold what is sent and answered. This version of the package has no way to
// set them, and fails with its own.
func open(n uint64) *nftables.Conn {
	conn, err := nftables.New(nftables.AsLasting())
	check(err)
	field := reflect.ValueOf(conn).Elem().FieldByName("nlconn")
	socket := *(**netlink.Conn)(unsafe.Pointer(field.UnsafeAddr()))
	size := int(n)*4096 + 1<<20
	if size > 1<<30-1 {
		size = 1<<30 - 1
	}
	check(socket.SetWriteBuffer(size))
	check(socket.SetReadBuffer(size))
	return conn
}

func address(n uint64) []byte {
	out := make([]byte, 4)
	binary.BigEndian.PutUint32(out, 0x0a000000+uint32(n))
	return out
}

func port(n uint64) []byte {
	return binaryutil.BigEndian.PutUint16(uint16(1 + n%65535))
}

var (
	table = &nftables.Table{Name: "fw", Family: nftables.TableFamilyIPv4}
	chain = &nftables.Chain{Name: "input", Table: table}
)

func set() *nftables.Set {
	return &nftables.Set{Table: table, Name: "s", KeyType: nftables.TypeIPAddr}
}

func rule(n uint64) *nftables.Rule {
	return &nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: address(n)},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: port(n)},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}}
}

func elements(work string, from, to uint64) []nftables.SetElement {
	var out []nftables.SetElement
	for n := from; n < to; n++ {
		switch work {
		case "intervals":
			begin, end := make([]byte, 4), make([]byte, 4)
			binary.BigEndian.PutUint32(begin, 0x10000000+uint32(n)*512)
			binary.BigEndian.PutUint32(end, 0x10000000+uint32(n)*512+256)
			out = append(out, nftables.SetElement{Key: begin}, nftables.SetElement{Key: end, IntervalEnd: true})
		case "concatenation":
			key := append(address(n), port(n)...)
			out = append(out, nftables.SetElement{Key: append(key, 0, 0)})
		case "verdict-map":
			kind := expr.VerdictDrop
			if n%2 == 0 {
				kind = expr.VerdictAccept
			}
			verdict := &expr.Verdict{Kind: kind}
			out = append(out, nftables.SetElement{Key: address(n), VerdictData: verdict})
		default:
			out = append(out, nftables.SetElement{Key: address(n)})
		}
	}
	return out
}

func add(work string, n uint64) {
	conn, per := open(n), uint64(1500)
	if work == "elements" {
		per = perMessage
	}
	w := start()
	if work == "rules" {
		for i := uint64(0); i < n; i++ {
			conn.AddRule(rule(i))
		}
	} else {
		// A message takes no more than so many: the package does not split.
		for from := uint64(0); from < n; from += per {
			to := from + per
			if to > n {
				to = n
			}
			check(conn.SetAddElements(set(), elements(work, from, to)))
		}
	}
	check(conn.Flush())
	w.stop(n).print()
}

func addOne(n uint64) {
	conn, latencies := open(1), make([]uint64, n)
	w := start()
	for i := uint64(0); i < n; i++ {
		begin := time.Now()
		check(conn.SetAddElements(set(), elements("elements", i, i+1)))
		check(conn.Flush())
		latencies[i] = uint64(time.Since(begin).Nanoseconds())
	}
	r := w.stop(n)
	sort.Slice(latencies, func(a, b int) bool { return latencies[a] < latencies[b] })
	r.P50, r.P99 = &latencies[n/2], &latencies[n*99/100]
	r.print()
}

func list(work string) {
	conn, err := nftables.New(nftables.AsLasting())
	check(err)
	w := start()
	if work == "list-rules" {
		rules, err := conn.GetRules(table, chain)
		check(err)
		w.stop(uint64(len(rules))).print()
		return
	}
	elements, err := conn.GetSetElements(set())
	check(err)
	w.stop(uint64(len(elements))).print()
}

// encode hands what it builds to a connection that sends nothing.
func encode(work string, n uint64) {
	conn, err := nftables.New(nftables.WithTestDial(func(messages []netlink.Message) ([]netlink.Message, error) {
		return messages, nil
	}))
	check(err)
	field := reflect.ValueOf(conn).Elem().FieldByName("messages")
	messages := (*[]netlink.Message)(unsafe.Pointer(field.UnsafeAddr()))
	var w watch
	for from := uint64(0); from < n+perPass; from += perPass {
		// The first pass warms up.
		if from == perPass {
			w = start()
		}
		if work == "encode-rules" {
			for i := from; i < from+perPass; i++ {
				conn.AddRule(rule(i))
			}
		} else {
			check(conn.SetAddElements(set(), elements("elements", from, from+perPass)))
		}
		for _, message := range *messages {
			message.Header.Length = uint32(16+len(message.Data)+3) &^ 3
			_, err := message.MarshalBinary()
			check(err)
		}
		*messages = (*messages)[:0]
	}
	w.stop(n).print()
}

func main() {
	if len(os.Args) < 3 {
		os.Exit(2)
	}
	work := os.Args[1]
	n, err := strconv.ParseUint(os.Args[2], 10, 64)
	check(err)
	switch work {
	case "add-one":
		addOne(n)
	case "list-rules", "list-elements":
		list(work)
	case "encode-rules", "encode-elements":
		encode(work, n)
	default:
		add(work, n)
	}
}
