package interop;

import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;

/** A worker for the tests of the claim check across languages. Its argument is a task queue. */
public final class RelayWorker {
  private RelayWorker() {}

  public static void main(String[] arguments) {
    WorkflowServiceStubs service = Connection.service();
    WorkerFactory factory = WorkerFactory.newInstance(Connection.client(service));
    Worker worker = factory.newWorker(arguments[0]);
    worker.registerWorkflowImplementationTypes(Relay.Here.class);
    worker.registerActivitiesImplementations(new Upper.Here());
    factory.start();
    System.out.println("ready");
  }
}
