// A client in Go for the tests of the claim check across languages:
//
//	client start ID WORKFLOW_QUEUE ACTIVITY_QUEUE   sends what it reads, writes the result
//	client read ID                                  writes the result of a workflow
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	sdk "go.temporal.io/sdk/client"

	"interop/connection"
)

func run(ctx context.Context, verb, id string, queues []string) error {
	client, err := connection.Open()
	if err != nil {
		return err
	}
	defer client.Close()
	if verb == "start" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		options := sdk.StartWorkflowOptions{ID: id, TaskQueue: queues[0]}
		_, err = client.ExecuteWorkflow(ctx, options, "relay", string(text), queues[1], "upper")
		if err != nil {
			return err
		}
	}
	var result string
	if err := client.GetWorkflow(ctx, id, "").Get(ctx, &result); err != nil {
		return err
	}
	_, err = fmt.Print(result)
	return err
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Println(err)
		os.Exit(1)
	}
}
