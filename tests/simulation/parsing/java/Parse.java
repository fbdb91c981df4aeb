import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.TypeAdapter;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** Reads one document in hex a line and writes what Gson makes of it, in the canonical form of ../canonical.py. */
final class Parse {
  private static final TypeAdapter<JsonElement> STRICT = new Gson().getAdapter(JsonElement.class);
  private static final HexFormat HEX = HexFormat.of();

  public static void main(String[] arguments) throws IOException {
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    var out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(parsed(HEX.parseHex(line)));
    }
    out.flush();
  }

  private static String parsed(byte[] document) throws IOException {
    try {
      var text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(document)).toString();
      return canonical(STRICT.fromJson(text));
    } catch (CharacterCodingException | JsonParseException | com.google.gson.stream.MalformedJsonException wrong) {
      return "!";
    }
  }

  private static String canonical(JsonElement value) {
    if (value.isJsonNull()) {
      return "n";
    }
    if (value.isJsonArray()) {
      var items = StreamSupport.stream(value.getAsJsonArray().spliterator(), false).map(Parse::canonical);
      return "[" + items.collect(Collectors.joining(",")) + "]";
    }
    if (value.isJsonObject()) {
      var items = value.getAsJsonObject().entrySet().stream().map(one -> hex(one.getKey()) + ":" + canonical(one.getValue()));
      return "{" + items.sorted().collect(Collectors.joining(",")) + "}";
    }
    JsonPrimitive primitive = value.getAsJsonPrimitive();
    if (primitive.isBoolean()) {
      return primitive.getAsBoolean() ? "t" : "f";
    }
    return primitive.isString() ? "'" + hex(primitive.getAsString()) : String.format("#%016x", Double.doubleToRawLongBits(primitive.getAsDouble()));
  }

  private static String hex(String text) {
    return HEX.formatHex(text.getBytes(StandardCharsets.UTF_8));
  }
}
