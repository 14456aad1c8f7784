// Package connection opens clients of the two kinds that the tests of the claim check across
// languages have.
//
// With INTEROP_CODEC it is the SDK's remote codec that reaches the claim check. With INTEROP_BUCKET
// the SDK has its own S3 driver, and knows nothing of the claim check.
package connection

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/aws/s3driver"
	"go.temporal.io/sdk/contrib/aws/s3driver/awssdkv2"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
)

const thresholdBytes = 51_200

// Open connects to the server at INTEROP_ADDRESS.
func Open() (client.Client, error) {
	options := client.Options{
		HostPort: os.Getenv("INTEROP_ADDRESS"),
		Logger:   sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))),
	}
	if codec := os.Getenv("INTEROP_CODEC"); codec != "" {
		options.DataConverter = converter.NewCodecDataConverter(
			converter.GetDefaultDataConverter(),
			converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: codec}),
		)
	}
	if bucket := os.Getenv("INTEROP_BUCKET"); bucket != "" {
		driver, err := driverFor(bucket, os.Getenv("INTEROP_ENDPOINT"))
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

func driverFor(bucket, endpoint string) (converter.StorageDriver, error) {
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, err
	}
	buckets := s3.NewFromConfig(settings, func(options *s3.Options) {
		options.BaseEndpoint = aws.String(endpoint)
		options.UsePathStyle = true
	})
	return s3driver.NewDriver(s3driver.Options{
		Client: awssdkv2.NewClient(buckets),
		Bucket: s3driver.StaticBucket(bucket),
	})
}
