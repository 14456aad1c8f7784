package interop;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityMethod;
import java.util.Locale;

/** The activity that every language has. */
@ActivityInterface
public interface Upper {
  @ActivityMethod(name = "upper")
  String upper(String text);

  final class Here implements Upper {
    @Override
    public String upper(String text) {
      return text.toUpperCase(Locale.ROOT);
    }
  }
}
