// A worker in Go for the tests of the claim check across languages:
//
//	worker TASK_QUEUE
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"interop/connection"
)

func upper(_ context.Context, text string) (string, error) {
	return strings.ToUpper(text), nil
}

// relay hands its input to an activity, wherever that runs, and returns what comes back.
func relay(ctx workflow.Context, text, taskQueue, activityType string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           taskQueue,
		StartToCloseTimeout: time.Minute,
	})
	var result string
	err := workflow.ExecuteActivity(ctx, activityType, text).Get(ctx, &result)
	return result, err
}

func run(taskQueue string) error {
	client, err := connection.Open()
	if err != nil {
		return err
	}
	defer client.Close()
	working := worker.New(client, taskQueue, worker.Options{})
	working.RegisterWorkflowWithOptions(relay, workflow.RegisterOptions{Name: "relay"})
	working.RegisterActivityWithOptions(upper, activity.RegisterOptions{Name: "upper"})
	if err := working.Start(); err != nil {
		return err
	}
	defer working.Stop()
	fmt.Println("ready")
	<-worker.InterruptCh()
	return nil
}

func main() {
	if err := run(os.Args[1]); err != nil {
		log.Println(err)
		os.Exit(1)
	}
}
