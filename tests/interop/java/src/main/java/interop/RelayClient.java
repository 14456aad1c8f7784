package interop;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.serviceclient.WorkflowServiceStubs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * A client for the tests of the claim check across languages.
 *
 * <pre>
 *   start ID WORKFLOW_QUEUE ACTIVITY_QUEUE   sends what it reads, writes the result
 *   read ID                                  writes the result of a workflow
 * </pre>
 */
public final class RelayClient {
  private RelayClient() {}

  public static void main(String[] arguments) throws IOException {
    WorkflowServiceStubs service = Connection.service();
    WorkflowClient client = Connection.client(service);
    String id = arguments[1];
    if (arguments[0].equals("start")) {
      String text = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
      WorkflowOptions options =
          WorkflowOptions.newBuilder().setWorkflowId(id).setTaskQueue(arguments[2]).build();
      client.newUntypedWorkflowStub("relay", options).start(text, arguments[3], "upper");
    }
    WorkflowStub workflow = client.newUntypedWorkflowStub(id);
    System.out.write(workflow.getResult(String.class).getBytes(StandardCharsets.UTF_8));
    System.out.flush();
    service.shutdownNow();
  }
}
