// A client in Go: GO111MODULE=off go run client.go TYPE TEXT [SOCKET]
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/vmihailenco/msgpack/v5"
)

func main() {
	path := os.Getenv("MORO_SOCKET")
	if len(os.Args) > 3 {
		path = os.Args[3]
	}
	sock, err := net.Dial("unix", path)
	if err != nil {
		panic(err)
	}
	options := map[string]int{"timeout": 5000}
	request := []any{0, 1, os.Args[1], []any{os.Args[2], options}}
	msgpack.NewEncoder(sock).Encode(request)
	answer, err := msgpack.NewDecoder(sock).DecodeSlice()
	if err != nil || answer[2] != nil {
		fmt.Fprintln(os.Stderr, answer, err) // "CODE: message"
		os.Exit(1)
	}
	fmt.Println(answer[3])
}
