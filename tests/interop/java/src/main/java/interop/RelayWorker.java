package interop;

import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;

/** A worker for the tests of the claim check across languages. Its argument is a task queue. */
public final class RelayWorker {
  /** A workflow's thread decodes and encodes itself: 10 MB take longer than the usual second. */
  private static final Duration DEADLOCK = Duration.ofSeconds(8);

  private RelayWorker() {}

  public static void main(String[] arguments) {
    WorkflowServiceStubs service = Connection.service();
    WorkerFactory factory = WorkerFactory.newInstance(Connection.client(service));
    WorkerOptions options =
        WorkerOptions.newBuilder()
            .setDefaultDeadlockDetectionTimeout(DEADLOCK.toMillis())
            .build();
    Worker worker = factory.newWorker(arguments[0], options);
    worker.registerWorkflowImplementationTypes(Relay.Here.class, Listen.Here.class);
    worker.registerActivitiesImplementations(new Upper.Here());
    factory.start();
    System.out.println("ready");
  }
}
