package interop;

import com.google.protobuf.InvalidProtocolBufferException;
import io.temporal.api.common.v1.Payload;
import io.temporal.payload.storage.StorageDriver;
import io.temporal.payload.storage.StorageDriverActivityInfo;
import io.temporal.payload.storage.StorageDriverClaim;
import io.temporal.payload.storage.StorageDriverRetrieveContext;
import io.temporal.payload.storage.StorageDriverStoreContext;
import io.temporal.payload.storage.StorageDriverTargetInfo;
import io.temporal.payload.storage.StorageDriverWorkflowInfo;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * Stands in for the S3 driver of Java's SDK, temporal-payload-storage-s3driver, which could not
 * be had when this was written: the keys and claims that Temporal specifies for the S3 drivers of all SDKs. What calls
 * it, and writes and reads Temporal's references, is the SDK's own external storage.
 */
final class BucketDriver implements StorageDriver {
  private static final String NAME = "aws.s3driver";
  private static final String ALGORITHM = "sha256";
  private static final String PLAIN =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

  private final S3Client s3;
  private final String bucket;

  BucketDriver(S3Client s3, String bucket) {
    this.s3 = s3;
    this.bucket = bucket;
  }

  @Override
  public String getName() {
    return NAME;
  }

  @Override
  public String getType() {
    return NAME;
  }

  @Override
  public CompletableFuture<List<StorageDriverClaim>> store(
      StorageDriverStoreContext context, List<Payload> payloads) {
    return CompletableFuture.supplyAsync(
        () -> payloads.stream().map(payload -> put(context.getTarget(), payload)).toList());
  }

  @Override
  public CompletableFuture<List<Payload>> retrieve(
      StorageDriverRetrieveContext context, List<StorageDriverClaim> claims) {
    return CompletableFuture.supplyAsync(
        () -> claims.stream().map(claim -> get(claim.getClaimData())).toList());
  }

  private StorageDriverClaim put(StorageDriverTargetInfo target, Payload payload) {
    byte[] stored = payload.toByteArray();
    String digest = digest(stored);
    String key = "v0" + prefix(target) + "/d/" + ALGORITHM + "/" + digest;
    s3.putObject(request -> request.bucket(bucket).key(key), RequestBody.fromBytes(stored));
    return new StorageDriverClaim(
        Map.of("bucket", bucket, "key", key, "hash_algorithm", ALGORITHM, "hash_value", digest));
  }

  private Payload get(Map<String, String> claim) {
    if (!ALGORITHM.equals(claim.get("hash_algorithm"))) {
      throw new IllegalArgumentException("The claim has no hash_algorithm sha256");
    }
    byte[] stored =
        s3.getObjectAsBytes(
                request -> request.bucket(claim.get("bucket")).key(claim.get("key")))
            .asByteArrayUnsafe();
    if (!digest(stored).equals(claim.get("hash_value"))) {
      throw new IllegalStateException("The object is not what the claim says");
    }
    try {
      return Payload.parseFrom(stored);
    } catch (InvalidProtocolBufferException error) {
      throw new IllegalStateException("The object is no payload", error);
    }
  }

  private static String prefix(StorageDriverTargetInfo target) {
    if (target instanceof StorageDriverWorkflowInfo of) {
      return path("ns", of.getNamespace(), "wt", of.getType(), "wi", of.getId(), "ri", of.getRunId());
    }
    if (target instanceof StorageDriverActivityInfo of) {
      return path("ns", of.getNamespace(), "at", of.getType(), "ai", of.getId(), "ri", of.getRunId());
    }
    return "";
  }

  private static String path(String... names) {
    StringBuilder path = new StringBuilder();
    for (String name : names) {
      path.append('/').append(escaped(name));
    }
    return path.toString();
  }

  private static String escaped(String name) {
    if (name == null || name.isEmpty()) {
      return "null";
    }
    StringBuilder escaped = new StringBuilder();
    for (byte each : name.getBytes(StandardCharsets.UTF_8)) {
      if (PLAIN.indexOf(each) >= 0) {
        escaped.append((char) each);
      } else {
        escaped.append(String.format("%%%02X", each));
      }
    }
    return escaped.toString();
  }

  private static String digest(byte[] data) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
    } catch (NoSuchAlgorithmException error) {
      throw new AssertionError("Every Java has SHA-256", error);
    }
  }
}
