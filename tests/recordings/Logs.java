// Logs orders, each at its level, with the logger that is named; record.py runs it.
import java.util.Map;
import java.util.TreeMap;

class Logs {
    static final Map<String, Runnable> FORMS = new TreeMap<>();

    static void jul(String format) {
        if (format != null) System.setProperty("java.util.logging.SimpleFormatter.format", format);
        withJul(new java.util.logging.SimpleFormatter());
    }

    static void withJul(java.util.logging.Formatter formatter) {
        var log = java.util.logging.Logger.getLogger("com.acme.Shop");
        var handler = new java.util.logging.ConsoleHandler();
        handler.setFormatter(formatter);
        handler.setLevel(java.util.logging.Level.ALL);
        log.setUseParentHandlers(false);
        log.addHandler(handler);
        log.setLevel(java.util.logging.Level.ALL);
        log.fine("order one");
        log.info("order two");
        log.warning("order three");
        log.severe("order four");
        handler.flush();
    }

    static void systemLogger() {
        var log = System.getLogger("com.acme.Shop");
        log.log(System.Logger.Level.INFO, "order two");
        log.log(System.Logger.Level.WARNING, "order three");
        log.log(System.Logger.Level.ERROR, "order four");
    }

    static void logback(String pattern) {
        var context = new ch.qos.logback.classic.LoggerContext();
        if (pattern == null) {
            var plain = new ch.qos.logback.classic.BasicConfigurator();
            plain.setContext(context);
            plain.configure(context);
        } else {
            var encoder = new ch.qos.logback.classic.encoder.PatternLayoutEncoder();
            encoder.setContext(context);
            encoder.setPattern(pattern);
            encoder.start();
            var appender = new ch.qos.logback.core.ConsoleAppender<ch.qos.logback.classic.spi.ILoggingEvent>();
            appender.setContext(context);
            appender.setEncoder(encoder);
            appender.start();
            context.getLogger("ROOT").addAppender(appender);
        }
        withSlf4j(context.getLogger("com.acme.Shop"));
    }

    static void withSlf4j(org.slf4j.Logger log) {
        log.debug("order one");
        log.info("order two, id={}", 12);
        log.warn("order three");
        log.error("order four");
    }

    static void slf4jSimple(String... properties) {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "debug");
        for (var name : properties) System.setProperty("org.slf4j.simpleLogger." + name, "true");
        withSlf4j(new org.slf4j.impl.SimpleLoggerFactory().getLogger("com.acme.Shop"));
    }

    static void commonsLogging(String implementation) {
        System.setProperty("org.apache.commons.logging.Log", "org.apache.commons.logging.impl." + implementation);
        System.setProperty("org.apache.commons.logging.simplelog.defaultlog", "debug");
        System.setProperty("org.apache.commons.logging.simplelog.showdatetime", "true");
        var log = org.apache.commons.logging.LogFactory.getLog("com.acme.Shop");
        if (implementation.equals("SimpleLog")) log.debug("order one");
        log.info("order two");
        log.warn("order three");
        log.error("order four");
        if (implementation.equals("SimpleLog")) log.fatal("order five");
    }

    static void jboss() {
        System.setProperty("org.jboss.logging.provider", "jdk");
        var log = org.jboss.logging.Logger.getLogger("com.acme.Shop");
        log.info("order two");
        log.warn("order three");
        log.error("order four");
        log.fatal("order five");
    }

    static void log4j1(org.apache.log4j.Layout layout) {
        var root = org.apache.log4j.Logger.getRootLogger();
        if (layout == null) org.apache.log4j.BasicConfigurator.configure();
        else root.addAppender(new org.apache.log4j.ConsoleAppender(layout));
        var log = org.apache.log4j.Logger.getLogger("com.acme.Shop");
        log.debug("order one");
        log.info("order two");
        log.warn("order three");
        log.error("order four");
        log.fatal("order five");
    }

    static void log4j2(String layout) {
        var text = "<Configuration status=\"error\"><Appenders><Console name=\"out\">" + layout
            + "</Console></Appenders><Loggers><Root level=\"debug\"><AppenderRef ref=\"out\"/></Root></Loggers></Configuration>";
        try {
            var source = new org.apache.logging.log4j.core.config.ConfigurationSource(
                new java.io.ByteArrayInputStream(text.getBytes()));
            withLog4j2(org.apache.logging.log4j.core.config.Configurator.initialize(null, source).getLogger("com.acme.Shop"));
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    static void withLog4j2(org.apache.logging.log4j.Logger log) {
        log.debug("order one");
        log.info("order two");
        log.warn("order three");
        log.error("order four");
        log.fatal("order five");
    }

    static void pattern(String pattern) {
        log4j2("<PatternLayout pattern=\"" + pattern.replace("<", "&lt;") + "\"/>");
    }

    public static void main(String[] arguments) {
        FORMS.put("jul", () -> jul(null));
        FORMS.put("jul_one_line", () -> jul("%1$tF %1$tT %4$s %3$s - %5$s%6$s%n"));
        FORMS.put("jul_brackets", () -> jul("[%1$tF %1$tT] [%4$-7s] %5$s %n"));
        FORMS.put("jul_xml", () -> withJul(new java.util.logging.XMLFormatter()));
        FORMS.put("system_logger", Logs::systemLogger);
        FORMS.put("logback", () -> logback(null));
        FORMS.put("logback_spring_boot", () -> logback(
            "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %5p 12 --- [%t] %-40.40logger{39} : %m%n"));
        FORMS.put("logback_coloured", () -> logback(
            "%gray(%d{HH:mm:ss.SSS}) %highlight(%-5level) [%blue(%t)] %yellow(%C): %msg%n"));
        FORMS.put("logback_level_first", () -> logback("%-5level [%date{ISO8601}] %logger: %msg%n"));
        FORMS.put("logback_akka", () -> logback("[%date{ISO8601}] [%level] [%logger] [%marker] [%thread] - %msg%n"));
        FORMS.put("logback_play", () -> logback("%date %highlight(%-5level) from %cyan(%logger{15}) in %magenta(%thread) - %message%n"));
        FORMS.put("slf4j_simple", () -> slf4jSimple());
        FORMS.put("slf4j_simple_brackets", () -> slf4jSimple("levelInBrackets", "showDateTime", "showShortLogName"));
        FORMS.put("commons_simple", () -> commonsLogging("SimpleLog"));
        FORMS.put("commons_jdk14", () -> commonsLogging("Jdk14Logger"));
        FORMS.put("jboss", Logs::jboss);
        FORMS.put("log4j1_basic", () -> log4j1(null));
        FORMS.put("log4j1_simple", () -> log4j1(new org.apache.log4j.SimpleLayout()));
        FORMS.put("log4j1_xml", () -> log4j1(new org.apache.log4j.xml.XMLLayout()));
        FORMS.put("log4j1_pattern", () -> log4j1(new org.apache.log4j.PatternLayout("%d{ABSOLUTE} %5p %t %c{1}:%M:%L - %m%n")));
        FORMS.put("log4j1_elasticsearch", () -> log4j1(new org.apache.log4j.PatternLayout("[%d{ISO8601}][%-5p][%-25c] %m%n")));
        FORMS.put("log4j2_default", () -> withLog4j2(org.apache.logging.log4j.LogManager.getLogger("com.acme.Shop")));
        FORMS.put("log4j2_pattern", () -> pattern("%d{yyyy-MM-dd HH:mm:ss} %-5p %c{1}:%L - %m%n"));
        FORMS.put("log4j2_highlight", () -> pattern("%highlight{%d [%t] %-5level: %msg%n%throwable}{disableAnsi=false}"));
        FORMS.put("log4j2_kafka", () -> pattern("[%d] %p %m (%c)%n"));
        FORMS.put("log4j2_pipes", () -> pattern("%d{ISO8601} | %-5p | %t | %c{1} | %m%n"));
        FORMS.put("log4j2_unix", () -> pattern("%d{UNIX_MILLIS} %p %m%n"));
        FORMS.put("log4j2_json", () -> log4j2("<JsonLayout/>"));
        FORMS.put("log4j2_json_lines", () -> log4j2("<JsonLayout compact=\"true\" eventEol=\"true\"/>"));
        FORMS.put("log4j2_json_list", () -> log4j2("<JsonLayout complete=\"true\"/>"));
        FORMS.put("log4j2_gelf", () -> log4j2("<GelfLayout host=\"web-0\" compressionType=\"OFF\" includeNewLineDelimiter=\"true\"/>"));
        FORMS.put("log4j2_syslog", () -> log4j2("<SyslogLayout newLine=\"true\"/>"));
        FORMS.put("log4j2_rfc5424", () -> log4j2("<Rfc5424Layout appName=\"shop\" newLine=\"true\"/>"));
        if (arguments.length == 0) FORMS.keySet().forEach(System.out::println);
        else FORMS.get(arguments[0]).run();
    }
}
