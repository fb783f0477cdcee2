package main

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// recorded is one line of a recording.
type recorded struct {
	Method string `json:"method"`
	// The message in protobuf's binary form, its path without tokens.
	Message []byte `json:"message"`
}

// record appends every Request and Close that goes out to a file.
func record(file string) grpc.DialOption {
	var writing sync.Mutex
	return grpc.WithChainUnaryInterceptor(func(
		ctx context.Context, method string, request, answer any,
		connection *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		if message := withoutTokens(request); message != nil {
			writing.Lock()
			err := appendLine(file, method, message)
			writing.Unlock()
			if err != nil {
				return err
			}
		}
		return invoke(ctx, method, request, answer, connection, opts...)
	})
}

// withoutTokens is nil for what is neither a Request nor a Close.
func withoutTokens(message any) proto.Message {
	switch it := message.(type) {
	case *networkservice.NetworkServiceRequest:
		it = it.Clone()
		blank(it.GetConnection())
		return it
	case *networkservice.Connection:
		it = it.Clone()
		blank(it)
		return it
	}
	return nil
}

func blank(connection *networkservice.Connection) {
	for _, segment := range connection.GetPath().GetPathSegments() {
		segment.Token = ""
	}
}

func appendLine(file, method string, message proto.Message) error {
	binary, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	line, err := json.Marshal(recorded{Method: method, Message: binary})
	if err != nil {
		return err
	}
	output, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	_, err = output.Write(append(line, '\n'))
	return err
}
