package interop;

import io.temporal.api.common.v1.Payload;
import io.temporal.payload.codec.OkHttpRemoteDataEncoderCodec;
import io.temporal.payload.codec.PayloadCodecException;
import java.util.List;
import okhttp3.OkHttpClient;

/** The SDK's codec, which also refuses an answer with another number of payloads. */
final class CountingCodec extends OkHttpRemoteDataEncoderCodec {
  CountingCodec(OkHttpClient client, String url) {
    super(client, url);
  }

  @Override
  protected List<Payload> transform(List<Payload> payloads, String url) {
    List<Payload> answer = super.transform(payloads, url);
    if (answer.size() != payloads.size()) {
      throw new PayloadCodecException("The codec server answered with another number of payloads");
    }
    return answer;
  }
}
