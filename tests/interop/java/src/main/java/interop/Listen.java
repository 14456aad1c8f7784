package interop;

import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;

/** Waits for a signal, and returns what came with it. */
@WorkflowInterface
public interface Listen {
  @WorkflowMethod(name = "listen")
  String run();

  @SignalMethod(name = "deliver")
  void deliver(String text);

  final class Here implements Listen {
    private String delivered;

    @Override
    public String run() {
      Workflow.await(() -> delivered != null);
      return delivered;
    }

    @Override
    public void deliver(String text) {
      delivered = text;
    }
  }
}
