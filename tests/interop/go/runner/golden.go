package main

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

const (
	citiesBytes     = 1_200_000
	longestHistory  = 5
	listenForSignal = "deliver"
)

type definition = func(workflow.Context, any, *State) (any, error)

func workflowsFor(service, pythonQueue string) map[string]definition {
	with := func(body func(*tasks) (any, error)) definition {
		return func(ctx workflow.Context, input any, state *State) (any, error) {
			return body(begin(ctx, service, input, state))
		}
	}
	return map[string]definition{
		"claimcheck-large-payload":   with(largePayload),
		"claimcheck-data-survives":   with(dataSurvives),
		"claimcheck-state-grows":     with(stateGrows),
		"claimcheck-for":             with(loop),
		"claimcheck-fork":            with(fork),
		"claimcheck-listen":          with(listen),
		"claimcheck-parent":          with(parent),
		"claimcheck-child":           with(child),
		"claimcheck-continue-as-new": with(continueAsNew),
		"claimcheck-try": with(func(t *tasks) (any, error) {
			return try(t, pythonQueue)
		}),
		"claimcheck-call-activity": with(func(t *tasks) (any, error) {
			return callActivity(t, pythonQueue)
		}),
	}
}

func cities(size int) string {
	return fmt.Sprintf("/cities?bytes=%d", size)
}

// 11
func largePayload(t *tasks) (any, error) {
	if _, err := t.get("fetchCities", cities(number(t.state.Input, "bytes", citiesBytes))); err != nil {
		return nil, err
	}
	if _, err := t.get("fetchCountries", "/countries"); err != nil {
		return nil, err
	}
	return t.post("report", "/report", object{
		"cities":    t.count("fetchCities"),
		"countries": t.count("fetchCountries"),
	})
}

// 12
func dataSurvives(t *tasks) (any, error) {
	if _, err := largePayload(t); err != nil {
		return nil, err
	}
	found, err := verify(t)
	if err != nil {
		return nil, err
	}
	if whole, _ := found.(object)["whole"].(bool); !whole {
		return nil, temporal.NewNonRetryableApplicationError("not what was fetched", "Damaged", nil)
	}
	return found, nil
}

func verify(t *tasks) (any, error) {
	return t.post("verify", "/verify", object{
		"cities":    t.state.Data["fetchCities"],
		"countries": t.state.Data["fetchCountries"],
	})
}

// 13
func stateGrows(t *tasks) (any, error) {
	counts := []int{}
	for index, name := range []string{"first", "second", "third"} {
		if _, err := t.get(name, cities(citiesBytes+index*100_000)); err != nil {
			return nil, err
		}
		counts = append(counts, t.count(name))
	}
	_, err := t.post("verify", "/verify", object{"cities": t.state.Data["third"], "countries": []any{}})
	return object{"counts": counts}, err
}

// 14
func loop(t *tasks) (any, error) {
	total := 0
	sizes, _ := t.state.Input.(object)["sizes"].([]any)
	for _, size := range sizes {
		round := t.branch(t.ctx)
		if _, err := round.get("fetch", cities(int(size.(float64)))); err != nil {
			return nil, err
		}
		total += round.count("fetch")
		t.state.Output = round.state.Output
	}
	return object{"total": total}, nil
}

// 15
func fork(t *tasks) (any, error) {
	branches := []struct{ name, endpoint string }{
		{"cities", "/cities"}, {"moreCities", cities(1_500_000)}, {"countries", "/countries"},
	}
	lengths, group := object{}, workflow.NewWaitGroup(t.ctx)
	var failed error
	for _, each := range branches {
		group.Add(1)
		workflow.Go(t.ctx, func(ctx workflow.Context) {
			defer group.Done()
			branch := t.branch(ctx)
			if _, err := branch.get(each.name, each.endpoint); err != nil {
				failed = err
			}
			lengths[each.name] = branch.count(each.name)
		})
	}
	group.Wait(t.ctx)
	return lengths, failed
}

// 16
func try(t *tasks, pythonQueue string) (any, error) {
	if _, err := t.get("fetchCities", "/cities"); err != nil {
		return nil, err
	}
	caught := object{}
	if _, err := t.get("fetchBroken", "/broken"); err != nil {
		caught["http"] = "caught"
	}
	if _, err := t.python("refuse", pythonQueue, "refuse_cities", t.state.Data["fetchCities"]); err != nil {
		caught["activity"] = "caught"
	}
	return caught, nil
}

// 17
func listen(t *tasks) (any, error) {
	var delivery object
	workflow.GetSignalChannel(t.ctx, listenForSignal).Receive(t.ctx, &delivery)
	t.set("delivery", delivery)
	return t.post("verify", "/verify", delivery)
}

// 18
func parent(t *tasks) (any, error) {
	if _, err := t.get("fetchCities", "/cities"); err != nil {
		return nil, err
	}
	var given object
	input := object{"cities": t.state.Data["fetchCities"]}
	ctx := workflow.WithChildOptions(t.ctx, workflow.ChildWorkflowOptions{})
	err := workflow.ExecuteChildWorkflow(ctx, "claimcheck-child", input).Get(ctx, &given)
	if err != nil {
		return nil, err
	}
	t.set("child", given)
	t.state.Data["both"], t.state.Data["countries"] = given["cities"], given["countries"]
	return object{
		"cities":    t.count("fetchCities"),
		"both":      t.count("both"),
		"countries": t.count("countries"),
	}, nil
}

func child(t *tasks) (any, error) {
	countries, err := t.get("fetchCountries", "/countries")
	if err != nil {
		return nil, err
	}
	return object{"cities": t.state.Input.(object)["cities"], "countries": countries}, nil
}

// 19
func callActivity(t *tasks, pythonQueue string) (any, error) {
	if _, err := t.get("fetchCities", cities(number(t.state.Input, "bytes", citiesBytes))); err != nil {
		return nil, err
	}
	enriched, err := t.python(
		"enrich", pythonQueue, "enrich_cities", t.state.Data["fetchCities"], "from Zigflow")
	if err != nil {
		return nil, err
	}
	all := enriched.([]any)
	return object{
		"cities":   t.count("fetchCities"),
		"enriched": len(all),
		"note":     all[len(all)-1].(object)["note"],
	}, nil
}

// 20
func continueAsNew(t *tasks) (any, error) {
	steps := []func() (any, error){
		func() (any, error) { return t.get("fetchCities", "/cities") },
		func() (any, error) { return t.get("fetchCountries", "/countries") },
		func() (any, error) { return verify(t) },
	}
	for t.state.Done < len(steps) {
		if workflow.GetInfo(t.ctx).GetCurrentHistoryLength() > longestHistory {
			return nil, workflow.NewContinueAsNewError(
				t.ctx, "claimcheck-continue-as-new", t.state.Input, t.state)
		}
		if _, err := steps[t.state.Done](); err != nil {
			return nil, err
		}
		t.state.Done++
	}
	return t.state.Output, nil
}
