package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"google.golang.org/protobuf/encoding/protojson"
)

// event is one line of output.
type event struct {
	Event string `json:"event"`
	// Milliseconds since the epoch.
	At float64 `json:"at"`
	// How long it took.
	Milliseconds float64         `json:"milliseconds,omitempty"`
	Error        string          `json:"error,omitempty"`
	Connection   json.RawMessage `json:"connection,omitempty"`
	// A registered endpoint's name and end, milliseconds since the epoch.
	Endpoint json.RawMessage `json:"endpoint,omitempty"`
}

// inJSON spells every field out: an enum's zero means something here.
var inJSON = protojson.MarshalOptions{EmitUnpopulated: true}

var output sync.Mutex

func report(it event) {
	it.At = float64(time.Now().UnixMicro()) / 1000
	line, err := json.Marshal(it)
	if err != nil {
		fail(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(line))
}

// reportCall tells of a call that has ended.
func reportCall(name string, began time.Time, connection *networkservice.Connection, err error) {
	it := event{Event: name, Milliseconds: float64(time.Since(began).Microseconds()) / 1000}
	if err != nil {
		it.Error = err.Error()
	} else if connection != nil {
		it.Connection, _ = inJSON.Marshal(connection)
	}
	report(it)
}
