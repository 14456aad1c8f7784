package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

type object = map[string]any

// State is what a workflow knows, all of which goes to every activity.
type State struct {
	Context any    `json:"context"`
	Data    object `json:"data"`
	Env     object `json:"env"`
	Input   any    `json:"input"`
	Output  any    `json:"output"`
	// Done are the tasks that a run before this one did.
	Done int `json:"done"`
}

// Call is an HTTP call as the workflow's definition has it.
type Call struct {
	Method   string `json:"method"`
	Endpoint string `json:"endpoint"`
	Body     any    `json:"body"`
}

func callHTTP(ctx context.Context, call Call, _ any, state *State) (any, error) {
	var body io.Reader
	if call.Body != nil {
		data, err := json.Marshal(call.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	url := fmt.Sprint(state.Env["SERVICE"]) + call.Endpoint
	request, err := http.NewRequestWithContext(ctx, call.Method, url, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	var value any
	if err := json.NewDecoder(answer.Body).Decode(&value); err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return nil, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("the service answered %d", answer.StatusCode), "HTTPError", nil, value)
	}
	return value, nil
}

// tasks runs the tasks of one workflow, or of one of its branches.
type tasks struct {
	ctx   workflow.Context
	state *State
}

func begin(ctx workflow.Context, service string, input any, state *State) *tasks {
	if state == nil {
		state = &State{Data: object{}, Env: object{"SERVICE": service}, Input: input}
	}
	return &tasks{ctx: options(ctx, ""), state: state}
}

func options(ctx workflow.Context, taskQueue string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           taskQueue,
		StartToCloseTimeout: 15 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 5},
	})
}

// branch returns tasks that see the state as it is now, and leave it as it is.
func (t *tasks) branch(ctx workflow.Context) *tasks {
	state := *t.state
	state.Data = maps.Clone(t.state.Data)
	return &tasks{ctx: ctx, state: &state}
}

func (t *tasks) get(name, endpoint string) (any, error) {
	return t.call(name, Call{Method: http.MethodGet, Endpoint: endpoint})
}

func (t *tasks) post(name, endpoint string, body object) (any, error) {
	return t.call(name, Call{Method: http.MethodPost, Endpoint: endpoint, Body: body})
}

func (t *tasks) call(name string, call Call) (any, error) {
	var result any
	future := workflow.ExecuteActivity(t.ctx, "call.http", call, t.state.Input, t.state)
	if err := future.Get(t.ctx, &result); err != nil {
		return nil, fmt.Errorf("error calling activity: %w", err)
	}
	t.set(name, result)
	return result, nil
}

func (t *tasks) python(name, taskQueue, activityType string, arguments ...any) (any, error) {
	var result any
	ctx := options(t.ctx, taskQueue)
	err := workflow.ExecuteActivity(ctx, activityType, arguments...).Get(ctx, &result)
	if err != nil {
		return nil, fmt.Errorf("error executing activity %s: %w", activityType, err)
	}
	t.set(name, result)
	return result, nil
}

func (t *tasks) set(name string, value any) {
	t.state.Data[name] = value
	t.state.Output = value
}

func (t *tasks) count(name string) int {
	values, _ := t.state.Data[name].([]any)
	return len(values)
}

func number(value any, name string, otherwise int) int {
	fields, _ := value.(object)
	if found, ok := fields[name].(float64); ok {
		return int(found)
	}
	return otherwise
}
