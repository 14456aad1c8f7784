// A worker in Go for the tests of the claim check across languages.
//
// With -codec it reaches the claim check by the SDK's remote codec; with -bucket it has the SDK's
// own S3 driver, and knows nothing of the claim check.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/aws/s3driver"
	"go.temporal.io/sdk/contrib/aws/s3driver/awssdkv2"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const thresholdBytes = 51_200

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

func dial(address, codec, bucket, endpoint string) (client.Client, error) {
	options := client.Options{
		HostPort: address,
		Logger:   sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))),
	}
	if codec != "" {
		options.DataConverter = converter.NewCodecDataConverter(
			converter.GetDefaultDataConverter(),
			converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: codec}),
		)
	}
	if bucket != "" {
		settings, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			return nil, err
		}
		buckets := s3.NewFromConfig(settings, func(options *s3.Options) {
			options.BaseEndpoint = aws.String(endpoint)
			options.UsePathStyle = true
		})
		driver, err := s3driver.NewDriver(s3driver.Options{
			Client: awssdkv2.NewClient(buckets),
			Bucket: s3driver.StaticBucket(bucket),
		})
		if err != nil {
			return nil, err
		}
		options.ExternalStorage = converter.ExternalStorage{
			Drivers:              []converter.StorageDriver{driver},
			PayloadSizeThreshold: thresholdBytes,
		}
	}
	return client.Dial(options)
}

func run() error {
	address := flag.String("address", "", "of the Temporal server")
	taskQueue := flag.String("task-queue", "", "to work on")
	codec := flag.String("codec", "", "URL of the codec server")
	bucket := flag.String("bucket", "", "of the S3 driver")
	endpoint := flag.String("endpoint", "", "of the S3 server")
	flag.Parse()

	connection, err := dial(*address, *codec, *bucket, *endpoint)
	if err != nil {
		return err
	}
	defer connection.Close()
	working := worker.New(connection, *taskQueue, worker.Options{})
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
	if err := run(); err != nil {
		log.Println(err)
		os.Exit(1)
	}
}
