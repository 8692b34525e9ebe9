// Logs orders, each at its level, with the logger that is named; record.py runs it.
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include <Poco/AutoPtr.h>
#include <Poco/ConsoleChannel.h>
#include <Poco/FormattingChannel.h>
#include <Poco/Logger.h>
#include <Poco/PatternFormatter.h>
#include <boost/log/trivial.hpp>
#include <glog/logging.h>
#include <log4cplus/consoleappender.h>
#include <log4cplus/initializer.h>
#include <log4cplus/layout.h>
#include <log4cplus/logger.h>
#include <log4cplus/loggingmacros.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

static void with_spdlog(const std::string& pattern) {
  spdlog::set_level(spdlog::level::debug);
  if (!pattern.empty()) spdlog::set_pattern(pattern);
  spdlog::debug("order one");
  spdlog::info("order two, id={}", 12);
  spdlog::warn("order three");
  spdlog::error("order four");
  spdlog::critical("order five");
}

static void with_log4cplus(std::unique_ptr<log4cplus::Layout> layout) {
  log4cplus::Initializer initializer;
  log4cplus::SharedAppenderPtr appender(new log4cplus::ConsoleAppender());
  appender->setLayout(std::move(layout));
  log4cplus::Logger log = log4cplus::Logger::getInstance("shop.cart");
  log.addAppender(appender);
  LOG4CPLUS_DEBUG(log, "order one");
  LOG4CPLUS_INFO(log, "order two");
  LOG4CPLUS_WARN(log, "order three");
  LOG4CPLUS_ERROR(log, "order four");
  LOG4CPLUS_FATAL(log, "order five");
}

static void with_poco(const std::string& pattern) {
  Poco::AutoPtr<Poco::ConsoleChannel> console(new Poco::ConsoleChannel);
  Poco::AutoPtr<Poco::PatternFormatter> formatter(new Poco::PatternFormatter(pattern));
  Poco::AutoPtr<Poco::FormattingChannel> channel(new Poco::FormattingChannel(formatter, console));
  Poco::Logger& log = Poco::Logger::create("Shop", channel, Poco::Message::PRIO_TRACE);
  log.debug("order one");
  log.information("order two");
  log.warning("order three");
  log.error("order four");
  log.critical("order five");
}

int main(int count, char** arguments) {
  const std::map<std::string, std::function<void()>> forms = {
      {"spdlog", [] { with_spdlog(""); }},
      {"spdlog_coloured", [] {
         auto sink = std::make_shared<spdlog::sinks::stdout_color_sink_mt>(spdlog::color_mode::always);
         spdlog::set_default_logger(std::make_shared<spdlog::logger>("shop", sink));
         with_spdlog("");
       }},
      {"spdlog_json", [] { with_spdlog(R"({"time":"%Y-%m-%dT%H:%M:%S","level":"%l","message":"%v"})"); }},
      {"spdlog_short", [] { with_spdlog("%L %H:%M:%S.%e %v"); }},
      {"spdlog_upper", [] { with_spdlog("[%H:%M:%S %z] [%n] [%^%L%$] [thread %t] %v"); }},
      {"boost_trivial", [] {
         BOOST_LOG_TRIVIAL(debug) << "order one";
         BOOST_LOG_TRIVIAL(info) << "order two";
         BOOST_LOG_TRIVIAL(warning) << "order three";
         BOOST_LOG_TRIVIAL(error) << "order four";
         BOOST_LOG_TRIVIAL(fatal) << "order five";
       }},
      {"glog", [] {
         FLAGS_logtostderr = true;
         LOG(INFO) << "order two";
         LOG(WARNING) << "order three";
         LOG(ERROR) << "order four";
       }},
      {"log4cplus_simple", [] { with_log4cplus(std::make_unique<log4cplus::SimpleLayout>()); }},
      {"log4cplus_ttcc", [] { with_log4cplus(std::make_unique<log4cplus::TTCCLayout>()); }},
      {"log4cplus_pattern", [] {
         with_log4cplus(std::make_unique<log4cplus::PatternLayout>("%D{%Y-%m-%d %H:%M:%S.%q} [%t] %-5p %c <%x> - %m%n"));
       }},
      {"poco_documented", [] { with_poco("%Y-%m-%d %H:%M:%S %s: [%p] %t"); }},
      {"poco_letter", [] { with_poco("%Y-%m-%d %H:%M:%S.%i [%q] <%s> %t"); }},
  };
  if (count > 1) {
    forms.at(arguments[1])();
  } else {
    for (const auto& form : forms) std::cout << form.first << "\n";
  }
}
