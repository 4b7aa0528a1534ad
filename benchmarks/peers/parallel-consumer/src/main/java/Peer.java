import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** (d) Confluent Parallel Consumer, order KEY, with Java's HTTP client: one call an event. Ends by SIGTERM. */
public final class Peer {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    String bootstrap = args[0], topic = args[1], group = args[2], url = args[3];
    int concurrency = Integer.parseInt(args[4]);
    Map<String, Object> config = Map.of(
        "bootstrap.servers", bootstrap, "group.id", group, "auto.offset.reset", "earliest",
        "enable.auto.commit", false, "key.deserializer", StringDeserializer.class,
        "value.deserializer", ByteArrayDeserializer.class);
    AtomicBoolean told = new AtomicBoolean();
    KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(config);
    ParallelConsumerOptions<String, byte[]> options = ParallelConsumerOptions.<String, byte[]>builder()
        .ordering(ParallelConsumerOptions.ProcessingOrder.KEY)
        .maxConcurrency(concurrency)
        .commitInterval(Duration.ofSeconds(1))
        .consumer(consumer)
        .build();
    ParallelStreamProcessor<String, byte[]> processor = ParallelStreamProcessor.createEosStreamProcessor(options);
    processor.subscribe(List.of(topic), new org.apache.kafka.clients.consumer.ConsumerRebalanceListener() {
      @Override public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

      @Override public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        if (told.compareAndSet(false, true)) {
          System.out.println("assigned");
        }
      }
    });
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    URI address = URI.create(url);
    Runtime.getRuntime().addShutdownHook(new Thread(processor::close));
    processor.poll(context -> {
      try {
        HttpRequest request = HttpRequest.newBuilder(address)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(form(JSON.readTree(context.value()))))
            .build();
        HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (!answer.body().contains("true")) {
          throw new IllegalStateException(answer.body());
        }
      } catch (java.io.IOException failed) {
        throw new java.io.UncheckedIOException(failed);
      } catch (InterruptedException stopped) {
        throw new IllegalStateException(stopped);
      }
    });
    Thread.sleep(Long.MAX_VALUE);
  }

  private static String form(JsonNode event) {
    return "mbox3rdPartyId=" + text(event.at("/customer/id"))
        + "&profile.number=" + text(event.at("/number"))
        + "&profile.at=" + text(event.at("/at"))
        + "&profile.lastStore=" + text(event.at("/store/id")).toUpperCase()
        + "&profile.lastCity=" + text(event.at("/store/city"))
        + "&profile.lastVisitOn=" + text(event.at("/occurred_at")).substring(0, 10);
  }

  private static String text(JsonNode value) {
    return URLEncoder.encode(value.asText(), StandardCharsets.UTF_8);
  }

  private Peer() {}
}
