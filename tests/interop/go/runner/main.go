// A runner of workflows that uses Temporal as Zigflow does, for where Zigflow itself cannot be
// built: the whole state goes to every activity, the SDK's remote codec has a timeout of five
// seconds and sends no namespace, and what fails is encoded as well. The workflows are those of
// examples/zigflow/golden, by the same names and with the same results.
package main

import (
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const codecTimeout = 5 * time.Second

func dial(address, codec, header string) (client.Client, error) {
	options := client.Options{
		HostPort: address,
		Logger:   sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))),
	}
	if codec != "" {
		options.DataConverter = converter.NewCodecDataConverter(
			converter.GetDefaultDataConverter(),
			converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
				Endpoint: codec,
				Client:   http.Client{Timeout: codecTimeout},
				ModifyRequest: func(request *http.Request) error {
					if name, value, found := strings.Cut(header, "="); found {
						request.Header.Set(name, value)
					}
					return nil
				},
			}),
		)
		options.FailureConverter = temporal.NewDefaultFailureConverter(
			temporal.DefaultFailureConverterOptions{
				DataConverter:          options.DataConverter,
				EncodeCommonAttributes: true,
			},
		)
	}
	return client.Dial(options)
}

func run() error {
	address := flag.String("address", "", "of the Temporal server")
	taskQueue := flag.String("task-queue", "", "to work on")
	pythonQueue := flag.String("python-queue", "", "of the Python worker")
	service := flag.String("service", "", "URL of the HTTP service")
	codec := flag.String("codec", "", "URL of the codec server; none without it")
	header := flag.String("codec-header", "", "NAME=VALUE, for the codec server")
	flag.Parse()

	connection, err := dial(*address, *codec, *header)
	if err != nil {
		return err
	}
	defer connection.Close()
	working := worker.New(connection, *taskQueue, worker.Options{})
	working.RegisterActivityWithOptions(callHTTP, activity.RegisterOptions{Name: "call.http"})
	for name, each := range workflowsFor(*service, *pythonQueue) {
		working.RegisterWorkflowWithOptions(each, workflow.RegisterOptions{Name: name})
	}
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
