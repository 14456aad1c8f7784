package interop;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.common.converter.CodecDataConverter;
import io.temporal.common.converter.DefaultDataConverter;
import io.temporal.payload.codec.OkHttpRemoteDataEncoderCodec;
import io.temporal.payload.storage.ExternalStorage;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import okhttp3.OkHttpClient;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * Opens clients of the two kinds that the tests have.
 *
 * <p>With INTEROP_CODEC it is the SDK's remote data encoder that reaches the claim check; with
 * INTEROP_UNCOUNTED beside it, exactly as the SDK has it. With INTEROP_BUCKET the SDK has external
 * storage of its own, and knows nothing of the claim check.
 */
final class Connection {
  private static final int THRESHOLD_BYTES = 51_200;
  private static final Duration CODEC_TIMEOUT = Duration.ofSeconds(5);

  private Connection() {}

  static WorkflowServiceStubs service() {
    return WorkflowServiceStubs.newServiceStubs(
        WorkflowServiceStubsOptions.newBuilder().setTarget(System.getenv("INTEROP_ADDRESS")).build());
  }

  static WorkflowClient client(WorkflowServiceStubs service) {
    WorkflowClientOptions.Builder options = WorkflowClientOptions.newBuilder();
    String codec = System.getenv("INTEROP_CODEC");
    if (codec != null) {
      OkHttpClient http = new OkHttpClient.Builder().callTimeout(CODEC_TIMEOUT).build();
      options.setDataConverter(
          new CodecDataConverter(
              DefaultDataConverter.newDefaultInstance(),
              List.of(
                  System.getenv("INTEROP_UNCOUNTED") == null
                      ? new CountingCodec(http, codec)
                      : new OkHttpRemoteDataEncoderCodec(http, codec))));
    }
    String bucket = System.getenv("INTEROP_BUCKET");
    if (bucket != null) {
      S3Client s3 =
          S3Client.builder()
              .endpointOverride(URI.create(System.getenv("INTEROP_ENDPOINT")))
              .forcePathStyle(true)
              // SeaweedFS now and then takes the checksum behind the data for a wrong one.
              .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
              .build();
      options.setExternalStorage(
          ExternalStorage.newBuilder()
              .setDriver(new BucketDriver(s3, bucket))
              .setPayloadSizeThreshold(THRESHOLD_BYTES)
              .build());
    }
    return WorkflowClient.newInstance(service, options.build());
  }
}
