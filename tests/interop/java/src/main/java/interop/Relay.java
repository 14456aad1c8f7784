package interop;

import io.temporal.activity.ActivityOptions;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;

/** Hands its input to an activity, wherever that runs, and returns what comes back. */
@WorkflowInterface
public interface Relay {
  @WorkflowMethod(name = "relay")
  String run(String text, String taskQueue, String activityType);

  final class Here implements Relay {
    @Override
    public String run(String text, String taskQueue, String activityType) {
      ActivityOptions options =
          ActivityOptions.newBuilder()
              .setTaskQueue(taskQueue)
              .setStartToCloseTimeout(Duration.ofMinutes(1))
              .build();
      return Workflow.newUntypedActivityStub(options).execute(activityType, String.class, text);
    }
  }
}
